"""What a training says of its health: figures by epoch and layer, and rules that make words of them.

figures      what is known of an epoch, and how shards are merged into a run
observer     takes them from a training of mrdl's, without changing a byte of it
torch_watch  takes them from a PyTorch program of one's own: mrdl.watch
rules        whether they look ill, of what, and what helps
"""
