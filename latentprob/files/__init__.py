"""Files: models, tables and archives, read and written without running anything in them."""
