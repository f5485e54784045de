"""What an administrator sees and changes of a running gateway, as commands made of the contract."""
