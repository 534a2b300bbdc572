"""The command `symfold`: one file a subcommand, loaded when it is called."""
