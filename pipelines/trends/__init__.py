"""How often hashtags were used in each period; imports no training."""
