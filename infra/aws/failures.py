"""What botocore raises, as our errors; each is one sentence that says what to do, and none holds what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from infra.errors import AwsError, NotFound

THROTTLED = "Throttled"
UNREACHABLE = "Unreachable"
TIMED_OUT = "TimedOut"

_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
    boto.TokenRetrievalError,
    boto.SSOError,
)
# A page in place of an answer is long, and its beginning says what it is.
_ANSWER_LENGTH = 300
_NO_ANSWER = (boto.HTTPClientError, boto.ConnectionError)

# Error codes differ by service; the service references list them under "Common errors" and each operation.
_THROTTLING_CODES = frozenset(
    [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "RequestThrottledException",
        "SlowDown",
        "PriorRequestNotComplete",
        "BandwidthLimitExceeded",
    ]
)
_SIGN_IN_CODES = frozenset(
    [
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidToken",
    ]
)
_DENIED_CODES = frozenset(
    [
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AuthorizationError",
        "Forbidden",
        "403",
    ]
)
_ABSENT_CODES = frozenset(
    [
        "404",
        "NoSuchKey",
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchHostedZone",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "ResourceNotFoundException",
    ]
)
_VAGUE_CODES = frozenset(
    ["ValidationError", "ValidationException", "ClientException", "InvalidParameterException"]
)
_ABSENT_PHRASES = (
    "does not exist",
    "was not found",
    "not found",
    "unable to describe task definition",
    "unable to find",
)


@contextmanager
def in_our_words(service: str) -> Iterator[None]:
    """Turn whatever botocore raises within the block into AwsError or NotFound. Our own mistakes stay as they are."""
    try:
        yield
    except boto.ClientError as error:
        raise refusal(service, error) from error
    except _NO_CREDENTIALS as error:
        raise AwsError(
            f"no usable AWS credentials: {_sentence(error)}; sign in (aws sso login), or set AWS_PROFILE, "
            "or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            code="NoCredentials",
        ) from error
    except _NO_ANSWER as error:
        raise AwsError(
            f"cannot reach AWS ({service}): {_sentence(error)}; check the network"
            " (and AWS_ENDPOINT_URL, where it is set) and run the command again",
            code=UNREACHABLE,
        ) from error
    except (boto.ParamValidationError, boto.OperationNotPageableError, boto.UnknownServiceError):
        raise
    except (boto.BotoCoreError, ResponseParserError) as error:
        raise AwsError(
            f"no sense could be made of what {service} answered: {_sentence(error)[:_ANSWER_LENGTH]}; see what answers "
            "there (a proxy? AWS_ENDPOINT_URL?) and run the command again",
            code="BadAnswer",
        ) from error


def refusal(service: str, error: boto.ClientError) -> AwsError:
    """Return our error for AWS's refusal of one call."""
    said = error.response.get("Error", {})
    code, message = str(said.get("Code", "")), _sentence(said.get("Message", "") or "no reason given")
    call = f"{service}:{error.operation_name}"
    if is_absence(code, message):
        return NotFound(f"{call} found nothing: {message}", code=code)
    if code in _THROTTLING_CODES:
        return AwsError(
            f"AWS is limiting the rate of {call} and still was after several tries: {message}; wait a minute and run "
            "the command again",
            code=THROTTLED,
        )
    if code in _SIGN_IN_CODES:
        return AwsError(
            f"AWS does not accept the credentials for {call}: {message}; sign in again", code=code
        )
    if code in _DENIED_CODES:
        return AwsError(
            f"not allowed to {call}: {message}; ask for that permission, or check which account and role are in use",
            code=code,
        )
    return AwsError(f"{call} was refused ({code}): {message}", code=code)


def is_absence(code: str, message: str) -> bool:
    """Say whether AWS's code and message mean that the thing asked for does not exist."""
    if code in _ABSENT_CODES or "NotFound" in code:
        return True
    return code in _VAGUE_CODES and any(phrase in message.lower() for phrase in _ABSENT_PHRASES)


def is_passing(error: AwsError) -> bool:
    """Say whether asking again later may help: a long wait goes on over such an error."""
    return error.code in (THROTTLED, UNREACHABLE, "ServiceUnavailable", "InternalFailure", "ServerException")


def _sentence(words: object) -> str:
    return str(words).strip().rstrip(".").replace("\n", " ")
