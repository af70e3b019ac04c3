"""A service's own S3 bucket: private, encrypted, TLS alone, reached by its tasks and by addresses that they sign."""

from __future__ import annotations

from troposphere import GetAtt, Join, Ref, Sub, s3

from infra import naming
from infra.config import Config
from infra.stacks.draft import Draft, deletion_policy, pascal
from infra.stacks.policies import Statement, allow, document, tls_only

TITLE = "Bucket"
# Where clients put what the service has not accepted yet; it is gone after a day.
UPLOADS = "uploads/"
UPLOAD_DAYS = 1


def bucket(draft: Draft) -> s3.Bucket:
    """Add the bucket with its policy; return it. CloudFormation names it, since names of buckets are global."""
    made = draft.add(
        s3.Bucket(
            TITLE,
            DeletionPolicy=deletion_policy(draft.environment),
            UpdateReplacePolicy="Retain",
            BucketEncryption=encrypted(),
            OwnershipControls=owned(),
            PublicAccessBlockConfiguration=private(),
            CorsConfiguration=_own_pages(draft),
            LifecycleConfiguration=s3.LifecycleConfiguration(Rules=_lifecycle()),
        )
    )
    everything = [GetAtt(made, "Arn"), Sub(f"${{{TITLE}.Arn}}/*")]
    draft.add(
        s3.BucketPolicy(
            f"{TITLE}Policy", Bucket=Ref(made), PolicyDocument=document(tls_only("s3:*", everything))
        )
    )
    draft.output("BucketName", Ref(made))
    draft.output("BucketOrigin", Join("", ["https://", GetAtt(made, "RegionalDomainName")]))
    return made


def bucket_statements(made: s3.Bucket) -> list[Statement]:
    """Return what the service's tasks do; without ListBucket S3 says of a missing object that it is forbidden."""
    objects = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    return [
        allow(objects, Sub(f"${{{made.title}.Arn}}/*")),
        allow(["s3:ListBucket"], GetAtt(made, "Arn")),
    ]


def image_origins(draft: Draft, config: Config) -> Join | str:
    """Return the addresses of every service's bucket, for the page that shows pictures from there."""
    origins = [
        draft.input(
            naming.release_part(service.name), "BucketOrigin", name=f"{pascal(service.name)}BucketOrigin"
        )
        for service in config.services
        if service.bucket
    ]
    return Join(" ", origins) if origins else ""


def encrypted() -> s3.BucketEncryption:
    """Encrypted with S3's own keys."""
    default = s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
    rule = s3.ServerSideEncryptionRule(ServerSideEncryptionByDefault=default)
    return s3.BucketEncryption(ServerSideEncryptionConfiguration=[rule])


def owned() -> s3.OwnershipControls:
    """No access lists: policies alone decide."""
    return s3.OwnershipControls(Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")])


def private() -> s3.PublicAccessBlockConfiguration:
    """Nothing in the bucket can be made public by accident."""
    return s3.PublicAccessBlockConfiguration(
        BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
    )


def _own_pages(draft: Draft) -> s3.CorsConfiguration:
    """Pages of the environment's own address may upload and fetch, no others."""
    rule = s3.CorsRules(
        AllowedOrigins=[draft.input("edge", "Url", name="EdgeUrl")],
        AllowedMethods=["GET", "HEAD", "POST"],
        AllowedHeaders=["*"],
        ExposedHeaders=["ETag"],
        MaxAge=3600,
    )
    return s3.CorsConfiguration(CorsRules=[rule])


def _lifecycle() -> list[s3.LifecycleRule]:
    aborted = s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=UPLOAD_DAYS)
    return [
        s3.LifecycleRule(
            Id="uploads",
            Status="Enabled",
            Prefix=UPLOADS,
            ExpirationInDays=UPLOAD_DAYS,
            AbortIncompleteMultipartUpload=aborted,
        )
    ]
