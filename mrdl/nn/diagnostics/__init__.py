"""What a training says of its health: figures by epoch and layer, and rules that make words of them."""
