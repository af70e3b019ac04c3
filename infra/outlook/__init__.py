"""What a plan means to its reader: what CloudFormation would do, what is replaced, what it costs, which images and migrations."""
