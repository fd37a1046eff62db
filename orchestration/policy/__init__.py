"""What acts are worth: the policy of `seeds/`, checked, replayed as a proposal, and adopted."""
