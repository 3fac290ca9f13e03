"""The pure room: values in, values out.

Nothing here reads a clock, a file, a socket or the environment, and nothing logs: time and chance are arguments.
So every rule about streams, conversations and formats can be tested on paper. It imports only `core` and `errors`.
"""
