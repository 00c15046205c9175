"""Training of visionthink-nano: data, model, supervised start, multi-turn GRPO, export, report."""
