"""The contract of SageMaker's framework images, for scripts of their users: `sagewright_toolkit FRAMEWORK train|serve`.

What it does and says follows the public toolkits sagemaker-training, sagemaker-containers and sagemaker-inference; it has
no other requirement than Python itself, and numpy where requests are decoded by default.
"""
