"""What an administrator does at the machine itself: retention, deletion, backup."""
