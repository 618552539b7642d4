"""Expected expert agreement: what Dice experts reach among themselves on an image, predicted from what makes it hard."""
