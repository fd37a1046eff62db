"""The program from exports to a published file, room by room; CONTRIBUTING.md says what each room holds."""
