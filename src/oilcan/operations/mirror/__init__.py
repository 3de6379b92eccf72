"""Other systems kept equal to git: MLflow. git stays the truth; a mirror is written, checked, and never read back."""
