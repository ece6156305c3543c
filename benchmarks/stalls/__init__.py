"""Small requests beside large and hostile ones: how long they have to wait."""
