"""`dlheir store`: the paper's three roles on folders of real pictures, one file a command.

It stands outside `dlheir.store` because it hashes pictures, which takes torch.
"""
