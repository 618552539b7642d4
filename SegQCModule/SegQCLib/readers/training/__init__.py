"""Training courses: atlas, practice, exam, certificate."""
