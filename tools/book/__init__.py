"""The book: notebooks run and recorded, pages built, looked at and published."""
