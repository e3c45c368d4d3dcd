"""Files that appear whole or not at all, the directories of featx, and bytes wherever they lie."""
