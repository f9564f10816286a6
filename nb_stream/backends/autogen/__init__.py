"""AutoGen: its agents, messages and model clients as the events and agents of `core`."""
