// The services whose models are here, by botocore's names: those that Sagewright calls or embeds.
// `sagewright-model` and `cargo xtask models` include this list.
services![
    "application-autoscaling",
    "cloudwatch",
    "iam",
    "logs",
    "resourcegroupstaggingapi",
    "s3",
    "sagemaker",
    "sagemaker-featurestore-runtime",
    "sagemaker-metrics",
    "sagemaker-runtime",
    "sqs",
    "sts",
];
