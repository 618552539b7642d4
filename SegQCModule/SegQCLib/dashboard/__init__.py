"""The dashboard of readers' records: what a department, or one reader, sees of effort, drafts, findings and agreement."""
