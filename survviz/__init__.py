"""survviz: a workbench for multimodal cancer survival models."""

__version__ = "0.1.0"
