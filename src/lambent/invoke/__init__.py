"""The data plane: one invocation, now. Start at invoker.py."""
