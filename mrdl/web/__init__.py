"""The browser's door: tables come in, trainings are started as commands, watched and read."""
