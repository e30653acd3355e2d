"""Who is told of an experiment: mails and other messages, kept in a folder until they are sent."""
