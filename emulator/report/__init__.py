"""What is shown to people and to scripts: text, tables, JSON shapes, shell script. Pure: values in, strings out."""
