"""The pages for the people who ask how right the predictions are. Pure: values in, HTML out.

Each page is one file with one function; `frame` is what all of them stand in. What comes from data is escaped where it
is put together (`autoship.report.markup`): no name of a customer is ever markup.
"""
