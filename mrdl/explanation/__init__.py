"""What a network looks at: which columns its answers rest on, and how they change with each."""
