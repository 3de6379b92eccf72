"""From probabilities to alarms: the policy, and what the contract says about crews.

Judging alarms is in `core.judging`.
"""
