"""The built-in engine: a byte-level neural language model that trains in seconds on a laptop.

It reads the last bytes before each assistant byte through a table of learnt vectors, adds a
summary of the message being answered, and predicts the byte that comes next. It learns the
assistant's words only, by gradient descent (Adam). It is small on purpose: enough to rehearse a
run, watch a loss and learn a few dozen short answers by heart, not to replace a large model.
"""
