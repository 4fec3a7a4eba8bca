"""What only ``tagsmith train`` and ``tagsmith distill`` need; may import torch, and nothing that serves does."""
