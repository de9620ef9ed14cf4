"""Speed, as ratios measured side by side on the user's own machine."""
