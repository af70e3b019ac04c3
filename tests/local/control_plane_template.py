"""A template with every resource type that the control plane's own handlers make, each with the properties
that matter."""

from __future__ import annotations

from typing import Any

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"}],
}


def trust(service: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }


def ref(name: str) -> dict[str, Any]:
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, attribute]}


def resource(kind: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}"} | ({"Properties": properties} if properties else {}) | more


def network() -> dict[str, Any]:
    return {
        "Vpc": resource(
            "EC2::VPC", {"CidrBlock": "10.20.0.0/16", "EnableDnsSupport": True, "EnableDnsHostnames": True}
        ),
        "Gateway": resource("EC2::InternetGateway", {"Tags": [{"Key": "Name", "Value": "door"}]}),
        "Attachment": resource(
            "EC2::VPCGatewayAttachment", {"VpcId": ref("Vpc"), "InternetGatewayId": ref("Gateway")}
        ),
        "PublicA": _subnet("10.20.0.0/24", "eu-west-1a", public=True),
        "PublicB": _subnet("10.20.1.0/24", "eu-west-1b", public=True),
        "PrivateA": _subnet("10.20.10.0/24", "eu-west-1a", public=False),
        "PrivateB": _subnet("10.20.11.0/24", "eu-west-1b", public=False),
        "PublicRoutes": resource("EC2::RouteTable", {"VpcId": ref("Vpc")}),
        "PrivateRoutes": resource("EC2::RouteTable", {"VpcId": ref("Vpc")}),
        "PublicDefault": resource(
            "EC2::Route",
            {
                "RouteTableId": ref("PublicRoutes"),
                "DestinationCidrBlock": "0.0.0.0/0",
                "GatewayId": ref("Gateway"),
            },
            DependsOn="Attachment",
        ),
        "PrivateDefault": resource(
            "EC2::Route",
            {
                "RouteTableId": ref("PrivateRoutes"),
                "DestinationCidrBlock": "0.0.0.0/0",
                "NatGatewayId": ref("Nat"),
            },
        ),
        "PublicRoutesA": resource(
            "EC2::SubnetRouteTableAssociation",
            {"SubnetId": ref("PublicA"), "RouteTableId": ref("PublicRoutes")},
        ),
        "Address": resource("EC2::EIP", {"Domain": "vpc"}),
        "Nat": resource(
            "EC2::NatGateway",
            {
                "SubnetId": ref("PublicA"),
                "AllocationId": att("Address", "AllocationId"),
                "ConnectivityType": "public",
            },
        ),
        "Hosts": resource(
            "EC2::SecurityGroup",
            {
                "GroupDescription": "hosts",
                "VpcId": ref("Vpc"),
                "SecurityGroupEgress": [
                    {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0", "Description": "anywhere"},
                ],
            },
        ),
        "Balancer": resource(
            "EC2::SecurityGroup",
            {
                "GroupDescription": "balancer",
                "VpcId": ref("Vpc"),
                "SecurityGroupIngress": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 443,
                        "ToPort": 443,
                        "CidrIp": "0.0.0.0/0",
                        "Description": "https",
                    }
                ],
            },
        ),
        "BalancerToHosts": resource(
            "EC2::SecurityGroupIngress",
            {
                "GroupId": att("Hosts", "GroupId"),
                "IpProtocol": "tcp",
                "FromPort": 32768,
                "ToPort": 60999,
                "SourceSecurityGroupId": att("Balancer", "GroupId"),
                "Description": "dynamic ports",
            },
        ),
        "BalancerOut": resource(
            "EC2::SecurityGroupEgress",
            {
                "GroupId": att("Balancer", "GroupId"),
                "IpProtocol": "tcp",
                "FromPort": 32768,
                "ToPort": 60999,
                "DestinationSecurityGroupId": att("Hosts", "GroupId"),
                "Description": "to hosts",
            },
        ),
        "S3Endpoint": resource(
            "EC2::VPCEndpoint",
            {
                "VpcId": ref("Vpc"),
                "ServiceName": "com.amazonaws.eu-west-1.s3",
                "VpcEndpointType": "Gateway",
                "RouteTableIds": [ref("PrivateRoutes")],
                "PolicyDocument": POLICY,
            },
        ),
        "Connect": resource(
            "EC2::InstanceConnectEndpoint",
            {
                "SubnetId": ref("PrivateA"),
                "SecurityGroupIds": [att("Hosts", "GroupId")],
                "PreserveClientIp": False,
            },
        ),
    }


def _subnet(cidr: str, zone: str, *, public: bool) -> dict[str, Any]:
    return resource(
        "EC2::Subnet",
        {"VpcId": ref("Vpc"), "CidrBlock": cidr, "AvailabilityZone": zone, "MapPublicIpOnLaunch": public},
    )


def identity() -> dict[str, Any]:
    return {
        "Boundary": resource(
            "IAM::ManagedPolicy",
            {"Description": "the boundary", "Path": "/estaleiro/test/", "PolicyDocument": POLICY},
        ),
        "Role": resource(
            "IAM::Role",
            {
                "AssumeRolePolicyDocument": trust("ec2.amazonaws.com"),
                "Path": "/estaleiro/test/",
                "Description": "a host's role",
                "MaxSessionDuration": 7200,
                "PermissionsBoundary": ref("Boundary"),
                "ManagedPolicyArns": [ref("Boundary")],
                "Policies": [{"PolicyName": "inline", "PolicyDocument": POLICY}],
                "Tags": [{"Key": "who", "Value": "host"}],
            },
        ),
        "Policy": resource(
            "IAM::Policy", {"PolicyName": "apart", "PolicyDocument": POLICY, "Roles": [ref("Role")]}
        ),
        "RolePolicy": resource(
            "IAM::RolePolicy", {"PolicyName": "alone", "PolicyDocument": POLICY, "RoleName": ref("Role")}
        ),
        "Profile": resource("IAM::InstanceProfile", {"Path": "/estaleiro/test/", "Roles": [ref("Role")]}),
        "Oidc": resource(
            "IAM::OIDCProvider",
            {
                "Url": "https://token.actions.example.com",
                "ClientIdList": ["sts.amazonaws.com"],
                "ThumbprintList": ["6938fd4d98bab03faadb97b34396831e3780aea1"],
            },
        ),
        "Linked": resource("IAM::ServiceLinkedRole", {"AWSServiceName": "ecs.amazonaws.com"}),
        "Key": resource(
            "KMS::Key",
            {
                "Description": "a key",
                "EnableKeyRotation": True,
                "PendingWindowInDays": 7,
                "KeyPolicy": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
                            "Action": "kms:*",
                            "Resource": "*",
                        }
                    ],
                },
            },
        ),
        "KeyAlias": resource("KMS::Alias", {"AliasName": "alias/estaleiro-test", "TargetKeyId": ref("Key")}),
    }


def hosts() -> dict[str, Any]:
    return {
        "Template": resource(
            "EC2::LaunchTemplate",
            {
                "LaunchTemplateData": {
                    "ImageId": "ami-0123456789abcdef0",
                    "InstanceType": "t3.medium",
                    "IamInstanceProfile": {"Arn": att("Profile", "Arn")},
                    "SecurityGroupIds": [att("Hosts", "GroupId")],
                    "UserData": {"Fn::Base64": '{"ignition": {"version": "3.4.0"}}'},
                    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
                    "BlockDeviceMappings": [
                        {
                            "DeviceName": "/dev/xvda",
                            "Ebs": {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True},
                        }
                    ],
                    "Monitoring": {"Enabled": True},
                    "TagSpecifications": [
                        {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "host"}]}
                    ],
                },
                "TagSpecifications": [
                    {"ResourceType": "launch-template", "Tags": [{"Key": "part", "Value": "cluster"}]}
                ],
            },
        ),
        "Group": resource(
            "AutoScaling::AutoScalingGroup",
            {
                "MinSize": "0",
                "MaxSize": "4",
                "VPCZoneIdentifier": [ref("PrivateA"), ref("PrivateB")],
                "HealthCheckType": "EC2",
                "HealthCheckGracePeriod": 120,
                "CapacityRebalance": True,
                "NewInstancesProtectedFromScaleIn": True,
                "MaxInstanceLifetime": 604800,
                "DefaultInstanceWarmup": 60,
                "TerminationPolicies": ["OldestLaunchTemplate"],
                "MixedInstancesPolicy": {
                    "LaunchTemplate": {
                        "LaunchTemplateSpecification": {
                            "LaunchTemplateId": ref("Template"),
                            "Version": att("Template", "LatestVersionNumber"),
                        },
                        "Overrides": [{"InstanceType": "t3.medium"}, {"InstanceType": "t3a.medium"}],
                    },
                    "InstancesDistribution": {
                        "OnDemandPercentageAboveBaseCapacity": 0,
                        "SpotAllocationStrategy": "price-capacity-optimized",
                    },
                },
                "Tags": [{"Key": "Name", "Value": "host", "PropagateAtLaunch": True}],
            },
        ),
    }


def storage() -> dict[str, Any]:
    return {
        "Bucket": resource(
            "S3::Bucket",
            {
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                            "BucketKeyEnabled": True,
                        }
                    ]
                },
                "VersioningConfiguration": {"Status": "Enabled"},
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "old",
                            "Status": "Enabled",
                            "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        },
                        {"Id": "locks", "Status": "Enabled", "Prefix": "locks/", "ExpirationInDays": 3},
                    ]
                },
            },
        ),
        "BucketPolicy": resource("S3::BucketPolicy", {"Bucket": ref("Bucket"), "PolicyDocument": POLICY}),
        "DeadLetters": resource(
            "SQS::Queue", {"MessageRetentionPeriod": 1209600, "SqsManagedSseEnabled": True}
        ),
        "Queue": resource(
            "SQS::Queue",
            {
                "VisibilityTimeout": 120,
                "ReceiveMessageWaitTimeSeconds": 10,
                "SqsManagedSseEnabled": True,
                "RedrivePolicy": {"deadLetterTargetArn": att("DeadLetters", "Arn"), "maxReceiveCount": 5},
            },
        ),
        "QueuePolicy": resource("SQS::QueuePolicy", {"Queues": [ref("Queue")], "PolicyDocument": POLICY}),
        "Secret": resource(
            "SecretsManager::Secret",
            {
                "Description": "a login",
                "GenerateSecretString": {
                    "SecretStringTemplate": '{"username": "reviews_app"}',
                    "GenerateStringKey": "password",
                    "PasswordLength": 40,
                    "ExcludePunctuation": True,
                },
            },
        ),
        "Rotation": resource(
            "SecretsManager::RotationSchedule",
            {
                "SecretId": ref("Secret"),
                "RotationLambdaARN": "arn:aws:lambda:eu-west-1:000000000000:function:rotate",
                "RotationRules": {"AutomaticallyAfterDays": 30},
            },
        ),
        "Logs": resource(
            "Logs::LogGroup",
            {"LogGroupName": "/estaleiro/test/reviews", "RetentionInDays": 14, "LogGroupClass": "STANDARD"},
        ),
        "Parameter": resource(
            "SSM::Parameter",
            {
                "Name": "/estaleiro/test/x",
                "Type": "String",
                "Value": "1",
                "Description": "d",
                "Tier": "Standard",
            },
        ),
        "Repository": resource(
            "ECR::Repository",
            {
                "RepositoryName": "estaleiro-test",
                "ImageTagMutability": "IMMUTABLE",
                "ImageScanningConfiguration": {"ScanOnPush": True},
                "EncryptionConfiguration": {"EncryptionType": "AES256"},
                "EmptyOnDelete": True,
                "LifecyclePolicy": {"LifecyclePolicyText": '{"rules": []}'},
                "RepositoryPolicyText": POLICY,
            },
        ),
    }


def database() -> dict[str, Any]:
    return {
        "DatabaseSubnets": resource(
            "RDS::DBSubnetGroup",
            {"DBSubnetGroupDescription": "private", "SubnetIds": [ref("PrivateA"), ref("PrivateB")]},
        ),
        "DatabaseParameters": resource(
            "RDS::DBParameterGroup",
            {
                "Family": "postgres17",
                "Description": "ours",
                "Parameters": {
                    "rds.force_ssl": "1",
                    "log_min_duration_statement": "500",
                    "max_connections": "60",
                },
            },
        ),
        "Database": resource(
            "RDS::DBInstance",
            {
                "DBInstanceClass": "db.t4g.micro",
                "Engine": "postgres",
                "EngineVersion": "17",
                "AllocatedStorage": "20",
                "MaxAllocatedStorage": 100,
                "StorageType": "gp3",
                "StorageEncrypted": True,
                "MultiAZ": False,
                "PubliclyAccessible": False,
                "MasterUsername": "estaleiro",
                "ManageMasterUserPassword": True,
                "DBSubnetGroupName": ref("DatabaseSubnets"),
                "DBParameterGroupName": ref("DatabaseParameters"),
                "VPCSecurityGroups": [att("Hosts", "GroupId")],
                "BackupRetentionPeriod": 7,
                "CopyTagsToSnapshot": True,
                "DeletionProtection": False,
                "AutoMinorVersionUpgrade": True,
                "AllowMajorVersionUpgrade": False,
                "CACertificateIdentifier": "rds-ca-rsa2048-g1",
                "EnablePerformanceInsights": True,
                "PerformanceInsightsRetentionPeriod": 7,
                "EnableCloudwatchLogsExports": ["postgresql"],
                "PreferredBackupWindow": "02:00-02:30",
                "PreferredMaintenanceWindow": "mon:03:00-mon:03:30",
            },
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        ),
    }


def edge() -> dict[str, Any]:
    return {
        "Zone": resource(
            "Route53::HostedZone",
            {
                "Name": "test.internal",
                "HostedZoneConfig": {"Comment": "services"},
                "VPCs": [{"VPCId": ref("Vpc"), "VPCRegion": ref("AWS::Region")}],
                "HostedZoneTags": [{"Key": "part", "Value": "network"}],
            },
        ),
        "Internal": resource(
            "ElasticLoadBalancingV2::LoadBalancer",
            {
                "Type": "application",
                "Scheme": "internal",
                "IpAddressType": "ipv4",
                "Subnets": [ref("PrivateA"), ref("PrivateB")],
                "SecurityGroups": [att("Balancer", "GroupId")],
                "LoadBalancerAttributes": [
                    {"Key": "idle_timeout.timeout_seconds", "Value": "65"},
                    {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"},
                ],
            },
        ),
        "Target": resource(
            "ElasticLoadBalancingV2::TargetGroup",
            {
                "VpcId": ref("Vpc"),
                "Port": 8080,
                "Protocol": "HTTP",
                "TargetType": "instance",
                "HealthCheckPath": "/health/ready",
                "HealthCheckIntervalSeconds": 10,
                "HealthCheckTimeoutSeconds": 5,
                "HealthyThresholdCount": 2,
                "UnhealthyThresholdCount": 3,
                "Matcher": {"HttpCode": "200"},
                "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
            },
        ),
        "Listener": resource(
            "ElasticLoadBalancingV2::Listener",
            {
                "LoadBalancerArn": ref("Internal"),
                "Port": 80,
                "Protocol": "HTTP",
                "DefaultActions": [
                    {
                        "Type": "fixed-response",
                        "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"},
                    }
                ],
            },
        ),
        "Rule": resource(
            "ElasticLoadBalancingV2::ListenerRule",
            {
                "ListenerArn": ref("Listener"),
                "Priority": 1234,
                "Conditions": [
                    {"Field": "host-header", "HostHeaderConfig": {"Values": ["movies.test.internal"]}}
                ],
                "Actions": [{"Type": "forward", "TargetGroupArn": ref("Target")}],
            },
        ),
        "Record": resource(
            "Route53::RecordSet",
            {
                "HostedZoneId": ref("Zone"),
                "Name": "movies.test.internal",
                "Type": "A",
                "AliasTarget": {
                    "DNSName": att("Internal", "DNSName"),
                    "HostedZoneId": att("Internal", "CanonicalHostedZoneID"),
                    "EvaluateTargetHealth": False,
                },
            },
        ),
        "Canonical": resource(
            "Route53::RecordSet",
            {
                "HostedZoneId": ref("Zone"),
                "Name": "database.test.internal",
                "Type": "CNAME",
                "TTL": "60",
                "ResourceRecords": [att("Database", "Endpoint.Address")],
            },
        ),
        "Certificate": resource(
            "CertificateManager::Certificate",
            {
                "DomainName": "test.example.org",
                "SubjectAlternativeNames": ["*.test.example.org"],
                "ValidationMethod": "DNS",
                "DomainValidationOptions": [{"DomainName": "test.example.org", "HostedZoneId": ref("Zone")}],
            },
        ),
    }


def observation() -> dict[str, Any]:
    return {
        "Alarm": resource(
            "CloudWatch::Alarm",
            {
                "AlarmDescription": "old messages",
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": att("Queue", "QueueName")}],
                "Statistic": "Maximum",
                "Period": 60,
                "EvaluationPeriods": 5,
                "DatapointsToAlarm": 3,
                "Threshold": 600,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [ref("Topic")],
                "OKActions": [ref("Topic")],
            },
        ),
        "Dashboard": resource(
            "CloudWatch::Dashboard", {"DashboardName": "test", "DashboardBody": '{"widgets": []}'}
        ),
        "Topic": resource("SNS::Topic", {"DisplayName": "alarms"}),
        "SchedulerRole": resource(
            "IAM::Role", {"AssumeRolePolicyDocument": trust("scheduler.amazonaws.com")}
        ),
        "Event": resource(
            "Events::Rule",
            {
                "Description": "stopped tasks",
                "EventPattern": {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"]},
                "State": "ENABLED",
                "Targets": [{"Id": "logs", "Arn": att("Logs", "Arn")}],
            },
        ),
        "Schedule": resource(
            "Scheduler::Schedule",
            {
                "Description": "asleep at night",
                "ScheduleExpression": "cron(0 20 * * ? *)",
                "ScheduleExpressionTimezone": "Europe/Lisbon",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "State": "DISABLED",
                "Target": {
                    "Arn": att("Queue", "Arn"),
                    "RoleArn": att("SchedulerRole", "Arn"),
                    "Input": "{}",
                    "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 600},
                },
            },
        ),
        "Scalable": resource(
            "ApplicationAutoScaling::ScalableTarget",
            {
                "ResourceId": "service/none/none",
                "ScalableDimension": "ecs:service:DesiredCount",
                "ServiceNamespace": "ecs",
                "MinCapacity": 2,
                "MaxCapacity": 10,
                "RoleARN": att("SchedulerRole", "Arn"),
            },
        ),
        "Scaling": resource(
            "ApplicationAutoScaling::ScalingPolicy",
            {
                "PolicyName": "cpu",
                "PolicyType": "TargetTrackingScaling",
                "ScalingTargetId": ref("Scalable"),
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 60,
                    "PredefinedMetricSpecification": {
                        "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
                    },
                    "ScaleInCooldown": 300,
                    "ScaleOutCooldown": 60,
                },
            },
        ),
    }


OUTPUTS = {
    "Vpc": ref("Vpc"),
    "SecretArn": ref("Secret"),
    "Queue": ref("Queue"),
    "Bucket": ref("Bucket"),
    "Endpoint": att("Database", "Endpoint.Address"),
    "Port": att("Database", "Endpoint.Port"),
    "MasterSecret": att("Database", "MasterUserSecret.SecretArn"),
    "BalancerName": att("Internal", "DNSName"),
    "BalancerFullName": att("Internal", "LoadBalancerFullName"),
    "TargetFullName": att("Target", "TargetGroupFullName"),
    "Zone": ref("Zone"),
    "ConnectId": ref("Connect"),
    "TemplateVersion": att("Template", "LatestVersionNumber"),
    "GroupName": ref("Group"),
    "RepositoryUri": att("Repository", "RepositoryUri"),
    "KeyArn": att("Key", "Arn"),
    "RoleArn": att("Role", "Arn"),
    "RoleName": ref("Role"),
    "HostsGroup": ref("Hosts"),
    "LogsArn": att("Logs", "Arn"),
    "CertificateArn": ref("Certificate"),
}


def everything() -> dict[str, Any]:
    """Return the whole template."""
    resources = network() | identity() | hosts() | storage() | database() | edge() | observation()
    return {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in OUTPUTS.items()}}
