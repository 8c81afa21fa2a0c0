#!/usr/bin/env python3
"""Writes calls.jsonl and reference.jsonl, the samples that `llm-log serve --sample` loads.

    python3 cli/samples/generate.py

The same seed and texts give the same files; texts.py holds the texts. A call's id stays the same as long as its
place in the list does, so that loading a changed file replaces calls instead of doubling them.
"""

import json
import random
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

from texts import FAILURES, INCIDENTS, PEOPLE, SCENES

HERE = Path(__file__).parent
CALLS = 312
START = datetime(2025, 11, 3, 6, 0, tzinfo=timezone.utc)
DAYS = 14

# type, name, models with price in US cents per thousand tokens of input and of output, provider of all projects
PROVIDERS = [
    ("OpenAI", "OpenAI Production", [("gpt-4o", 0.25, 1.0), ("gpt-4o-mini", 0.015, 0.06)], False),
    ("Anthropic", "Claude Team", [("claude-3-opus", 1.5, 7.5), ("claude-3-5-haiku", 0.08, 0.4)], False),
    ("AzureOpenAI", "Azure West Europe", [("gpt-4o", 0.25, 1.0)], True),
    ("Mistral", "Mistral EU", [("mistral-large", 0.2, 0.6), ("mistral-small", 0.02, 0.06)], True),
    ("Groq", "Groq", [("llama-3.1-70b-versatile", 0.059, 0.079)], False),
    ("Ollama", "Ollama in the basement", [("qwen2.5:14b", 0.0, 0.0)], False),
]


def derived(kind, *parts):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:llm-log:{kind}:" + ":".join(parts)))


PROJECT = derived("project", "sample")


def iso(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def event(kind, subject, data):
    name = f"llm-log.reference.{kind}"
    return {"specversion": "1.0", "type": name, "subject": subject, "data": data}


def reference():
    for _, name, _, everywhere in PROVIDERS:
        data = {"name": name, "isGlobalLlm": everywhere}
        if not everywhere:
            data["projectId"] = PROJECT
        yield event("llm-provider", derived("sample", "provider", name), data)
    for name, email in PEOPLE:
        data = {"name": name, "email": email, "projectIds": [PROJECT]}
        yield event("user", derived("sample", "user", email), data)
    for number, (incident, alert, maintenance) in enumerate(INCIDENTS, 1):
        yield event("incident", derived("sample", "incident", str(number)), {
            "projectId": PROJECT, "title": incident, "incidentNumber": number,
            "incidentNumberWithPrefix": f"INC-{number}"})
        yield event("alert", derived("sample", "alert", str(number)), {
            "projectId": PROJECT, "title": alert, "alertNumber": number, "alertNumberWithPrefix": f"ALERT-{number}"})
        yield event("scheduled-maintenance", derived("sample", "maintenance", str(number)), {
            "projectId": PROJECT, "title": maintenance})


def tokens_of(text):
    """Roughly what tokenizers make of it: a token for four letters of Latin script, for one of Chinese."""
    return max(1, round(sum(0.25 if ord(letter) < 0x250 else 0.5 if ord(letter) < 0x2E80 else 1.0 for letter in text)))


def started_times(chance):
    """More calls in working hours, fewer on weekends."""
    times = []
    while len(times) < CALLS:
        instant = START + timedelta(seconds=chance.uniform(0, DAYS * 86400))
        weight = (0.3 if instant.weekday() >= 5 else 1.0) * (1.0 if 7 <= instant.hour < 19 else 0.25)
        if chance.random() < weight:
            times.append(instant.replace(microsecond=instant.microsecond // 1000 * 1000))
    return sorted(times)


def links(feature, chance):
    number = str(chance.randint(1, len(INCIDENTS)))
    if feature in ("Incident Postmortem", "Status Page Update", "Runbook Suggestion"):
        yield "incidentId", derived("sample", "incident", number)
    if feature == "Alert Summary":
        yield "alertId", derived("sample", "alert", number)
    if feature == "Maintenance Notice":
        yield "scheduledMaintenanceId", derived("sample", "maintenance", number)
    if feature in ("Code Review", "Log Search", "Runbook Suggestion"):
        yield "aiRunId", derived("sample", "run", str(chance.randint(1, 12)))
    if chance.random() < 0.7:
        yield "userId", derived("sample", "user", chance.choice(PEOPLE)[1])


def fill(scene, chance):
    values = {name: chance.choice(choices) for name, choices in scene["slots"].items()}
    values.update(chance.choice(scene["together"]))
    values["n"] = chance.randint(2, 97)
    values["ticket"] = chance.randint(10_000, 99_999)
    values["hour"], values["minute"] = f"{chance.randint(0, 23):02d}", f"{chance.randint(0, 59):02d}"
    return scene["prompt"].format(**values), scene["response"].format(**values)


def call(place, scene, started, chance):
    prompt, response = fill(scene, chance)
    llm_type, provider, models, everywhere = chance.choices(PROVIDERS, weights=[30, 25, 15, 12, 10, 8])[0]
    model, price_in, price_out = chance.choice(models)
    outcome = chance.choices(
        ["Success", "Error", "Insufficient Balance", "Budget Exceeded", "Running"], weights=[84, 9, 2, 2, 3])[0]
    asked = outcome in ("Success", "Error", "Running")
    tokens_in, tokens_out = tokens_of(prompt) + chance.randint(40, 400), tokens_of(response)
    duration_ms = round(180 + tokens_out * chance.uniform(8, 35) + chance.expovariate(1 / 400))
    row = {
        "_id": derived("sample", "call", str(place)),
        "createdAt": iso(started),
        "llmProviderId": derived("sample", "provider", provider),
        "llmProviderName": provider,
        "llmType": llm_type,
        "modelName": model,
        "isGlobalProvider": everywhere,
        "status": outcome,
        "feature": scene["feature"],
        "requestPrompt": prompt,
        "requestStartedAt": iso(started),
        **dict(links(scene["feature"], chance)),
    }
    if outcome == "Success":
        cost = (tokens_in * price_in + tokens_out * price_out) / 1000
        row.update(responsePreview=response, totalTokens=tokens_in + tokens_out, completionTokens=tokens_out,
                   costInUSDCents=round(cost, 6), wasBilled=everywhere and cost > 0)
        if llm_type == "Anthropic" and chance.random() < 0.4:
            row["cachedInputTokens"] = tokens_in // 2
        elif llm_type == "Anthropic" and chance.random() < 0.3:
            row["cacheCreationTokens"] = tokens_in // 3
    elif outcome != "Running":
        row["statusMessage"] = chance.choice(FAILURES[outcome]).format(model=model, n=chance.randint(2, 60))
        if outcome == "Error" and chance.random() < 0.3:
            row["responsePreview"] = response[: len(response) // 3]
    if outcome != "Running":
        duration_ms = duration_ms if asked else chance.randint(1, 9)
        completed = started + timedelta(milliseconds=duration_ms)
        row.update(requestCompletedAt=iso(completed), updatedAt=iso(completed), durationMs=duration_ms)
    return row


def write(name, rows):
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    (HERE / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def main():
    chance = random.Random(20251103)
    scenes = [SCENES[place % len(SCENES)] for place in range(CALLS)]
    chance.shuffle(scenes)
    times = started_times(chance)
    write("calls.jsonl", (call(place, scene, time, chance) for place, (scene, time) in enumerate(zip(scenes, times))))
    write("reference.jsonl", reference())


if __name__ == "__main__":
    main()
