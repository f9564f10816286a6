"""A team asks in the panel while a cell runs, and while none does: several questions at once, mouse and keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser.jupyter import Open
from tests.support.browser.panel_page import PanelPage

TEAM = """
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow
from nb_stream import TeamPanel, needs_approval
from nb_stream.demo import Call, Say, ScriptedClient
paid = []
def pay(to: str, account: int) -> str:
    paid.append((to, account))
    return f"{to} has it."
calls = [Call("pay", {"to": to, "account": 12345678901234567890}) for to in ("ann", "ben")]
clerk = AssistantAgent("clerk", ScriptedClient([calls, Say("Done.")]), tools=[needs_approval(pay)],
                       reflect_on_tool_use=True, model_client_stream=True)
human = UserProxyAgent("human")
first = AssistantAgent("first", ScriptedClient([Say("Let us begin.")]), model_client_stream=True)
graph = DiGraphBuilder().add_node(first).add_node(clerk).add_node(human)
graph.add_edge(first, clerk).add_edge(first, human)
panel = TeamPanel(GraphFlow([first, clerk, human], graph.build()))
panel
"""


WAYS = ("run = panel.start('go')", "result = await panel.run('go')", "result = panel.run_sync('go')")


@pytest.mark.smoke
def test_questions_are_answered_in_the_panel_whatever_the_cell_does(notebook: Open) -> None:
    book = notebook([TEAM, *WAYS])
    book.run(0)
    panel = PanelPage(book.page).shown()
    forms = panel.root.locator("details.nbs-cell[open] form.nbs-input")
    open_cells = panel.root.locator("details.nbs-cell[open]", has=book.page.locator("form.nbs-input"))
    for number in range(1, len(WAYS) + 1):
        book.run(number, wait=False)
        expect(forms).to_have_count(3, timeout=20_000)
        panel.state("waiting for input")
        tools = open_cells.filter(has=book.page.locator(".nbs-arguments"))
        ann, ben = tools.first, tools.last
        expect(ann.locator(".nbs-arguments")).to_have_value(re.compile('"ann",\n  "account": 12345678901234567890'))
        ann.get_by_role("button", name="Approve", exact=True).focus()
        book.page.keyboard.press("Enter")
        expect(tools).to_have_count(1)
        reason = ben.get_by_label("Reason, if you reject")
        reason.fill("not him")
        reason.press("Enter")
        expect(forms).to_have_count(1)
        forms.get_by_role("textbox").fill("forty-two")
        forms.get_by_role("textbox").press("Enter")
        panel.ended(number)
        answers = book.evaluate(
            "sorted(c.data['answer'] for c in panel.transcript.cells[-9:] if 'request_id' in c.data)"
        )
        assert answers == "['approve', 'forty-two', 'reject: not him']"
    assert book.evaluate("paid == [('ann', 12345678901234567890)] * 3") == "True"
    assert book.evaluate("len(result.messages) > 3") == "True"


def test_a_tool_is_approved_with_changed_arguments_for_all_its_calls_and_asks_again_when_that_is_taken_back(
    notebook: Open,
) -> None:
    book = notebook([TEAM])
    book.run(0)
    panel = PanelPage(book.page).shown()
    panel.ask("go")
    field = panel.root.locator(".nbs-arguments").first
    expect(field).to_have_value(re.compile("ann"))
    field.fill('{"to": "ann", "account": "mine"}')
    form = panel.root.locator("form.nbs-input", has=book.page.locator(".nbs-arguments")).first
    form.get_by_role("button", name="for this tool").click()
    expect(panel.root.locator(".nbs-notice")).to_contain_text("pay cannot run with these arguments: account: ")
    field.fill('{"to": "ann", "account": 7}')
    form.get_by_role("button", name="for this tool").click()
    grant = panel.root.get_by_role("button", name="pay: approved")
    expect(grant).to_be_visible()
    panel.root.get_by_label("Answer to human").fill("fine")
    panel.root.get_by_label("Answer to human").press("Enter")
    panel.ended()
    assert book.evaluate("sorted(paid)") == "[('ann', 7), ('ben', 12345678901234567890)]"
    grant.click()
    expect(grant).to_have_count(0)
    assert book.evaluate("panel.grants") == "()"
