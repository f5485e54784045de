"""CheckScheduler of instances, by free requests."""
