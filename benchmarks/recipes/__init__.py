"""Published recipes for cats and dogs, each as published and with its defect repaired, and ours beside them."""
