from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 4

@test_case(points=1, hidden=False, 
    success_message="All fields and headings are there, and the length is that of a page.", 
    failure_message="A field or a heading is missing or still empty, dots of the template are left, or the text is shorter than 120 or longer than 450 words. Keep the names of the fields as they are in the template, each at the beginning of a line.")
def test_q6_form(report):
    assert isinstance(report, str), 'report is a text'
    assert '...' not in report and 'Ellipsis' not in report, 'three dots are left where a text or number should be'
    fields = ('Accuracy of A', 'Accuracy of B', 'Difference A minus B', 'p-value', 'Verdict', 'Detectable from')
    for field in (*fields, 'Seal of the plan'):
        lines = [line for line in report.splitlines() if line.strip().startswith(f'**{field}:**')]
        assert len(lines) == 1 and lines[0].split(':**')[1].strip(), f'one line is to begin with **{field}:**'
    for heading in ('Question', 'What was done', 'What it does not show', 'Decision'):
        assert f'## {heading}' in report, f'the heading {heading} is missing'
        text = report.split(f'## {heading}')[1].split('##')[0]
        assert len(text.split()) >= 5, f'{heading}: at least one sentence'
    assert 120 <= len(report.split()) <= 450, f'one page has 120 to 450 words, not {len(report.split())}'

