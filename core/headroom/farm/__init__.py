"""Render farms: a bundle for Open Job Description, and the session that keeps a model between a machine's tasks.

ranges   frame numbers in Open Job Description's spelling
bundle   template, parameter values, asset references
yaml     just enough of YAML to write those
session  files and messages that daemon and tasks share
daemon   holds the model; started when a session is entered, gone when it ends
client   starts the daemon, hands it a task, ends it
"""
