"""Text encoders for penchant on ONNX Runtime."""

PENCHANT_API = 1
