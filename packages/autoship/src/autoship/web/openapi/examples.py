"""What is sent in the examples, and what is answered: on a service that has had those before them, and nothing else."""

from __future__ import annotations

from typing import Any

PRIORITY = {"carrier": "USPS", "service": "Priority"}
GROUND = {"carrier": "USPS", "service": "Ground Advantage"}
SMALL = {"weight_oz": 12, "ship_to": {"country": "US"}}

RECORDS: list[dict[str, Any]] = [
    {
        "customer_id": "acme",
        "order_id": "1001",
        "ordered_at": "2026-01-05T10:00:00Z",
        "order": SMALL,
        "shipped_at": "2026-01-05T15:00:00Z",
        "shipment": PRIORITY,
    },
    {
        "customer_id": "acme",
        "order_id": "1002",
        "ordered_at": "2026-01-05T10:30:00Z",
        "order": {"weight_oz": 14},
        "shipment": PRIORITY,
    },
]
TAKEN_IN = {"accepted": 2, "unchanged": 0, "replaced": 0, "rejected": [], "rejected_total": 0}
ONE_REJECTED = {
    "accepted": 0,
    "unchanged": 2,
    "replaced": 0,
    "rejected": [
        {"line": 3, "field": "ordered_at", "error": 'is a time such as "2026-01-05T10:00:00Z" (RFC 3339)'},
    ],
    "rejected_total": 1,
}

LINES = (
    '{"customer_id":"acme","order_id":"1004","ordered_at":"2026-01-07T09:00:00Z","order":{"weight_oz":200},'
    '"shipment":{"carrier":"USPS","service":"Ground Advantage"}}\n'
    '{"customer_id":"acme","order_id":"1005","ordered_at":"2026-01-07T09:15:00Z","order":{"weight_oz":11},'
    '"shipment":{"carrier":"USPS","service":"Priority"}}\n'
)
LINES_TAKEN_IN = {"accepted": 2, "unchanged": 0, "replaced": 0, "rejected": [], "rejected_total": 0}

ORDER = {"customer_id": "acme", "order_id": "1006", "ordered_at": "2026-01-09T10:00:00Z", "order": SMALL}
PREDICTION = {
    "prediction_id": "5bb5cbc4b198062d00000001",
    "order_id": "1006",
    "shipment": PRIORITY,
    "confidence": 0.6493,
    "approved": False,
    "alternatives": [{"shipment": GROUND, "confidence": 0.3507}],
    "because": [
        {"text": "all 3 orders with weight_oz from 8 to under 16 went this way", "orders": 3, "agreeing": 3},
    ],
    "learned_from": {"orders": 4, "until": "2026-01-08T09:15:00Z"},
    "degraded": [],
    "reason": "little_evidence",
}

ORDERS = {"orders": [{"customer_id": "newcomer", "order": {}}]}
UNKNOWN: dict[str, Any] = {
    "prediction_id": "5bb5cbc4b198062d00000002",
    "order_id": None,
    "shipment": None,
    "confidence": 0.0,
    "approved": False,
    "alternatives": [],
    "because": [],
    "learned_from": {"orders": 0, "until": None},
    "degraded": [],
    "reason": "no_history",
}
PREDICTIONS = {"predictions": [UNKNOWN]}
ONE_SPOILT = {
    "predictions": [
        UNKNOWN,
        {
            "error": {
                "type": "urn:autoship:problem:invalid-input",
                "title": "Invalid input",
                "status": 400,
                "detail": "order is missing",
                "field": "order",
            }
        },
    ]
}

COUNTS = {"predicted": 2, "right": 1, "approved": 0, "approved_wrong": 0}
CUSTOMER: dict[str, Any] = {
    "customer_id": "acme",
    "orders": 4,
    "choices": 2,
    "learned_until": "2026-01-08T09:15:00Z",
    **COUNTS,
    "recent": COUNTS,
    "approving": False,
    "approving_from": None,
    "alarms": 0,
    "outcomes_needed": 90,
    "outcomes_seen": 2,
    "warnings": [],
    "settings": {"max_error": 0.05, "audit": 0.1},
    "degraded": [],
}
CUSTOMERS = {
    "customers": [
        {
            "customer_id": "acme",
            "orders": 4,
            "learned_until": "2026-01-08T09:15:00Z",
            **COUNTS,
            "approving": False,
        }
    ],
    "next": None,
}

COMPARED = {
    "predictions": [
        {
            "order_id": "1005",
            "prediction_id": None,
            "ordered_at": "2026-01-07T09:15:00Z",
            "known_at": "2026-01-08T09:15:00Z",
            "predicted": PRIORITY,
            "shipment": PRIORITY,
            "right": True,
            "wrong_fields": [],
            "confidence": 0.9968,
            "approved": False,
            "served": False,
            "decided_by": "person",
        },
        {
            "order_id": "1004",
            "prediction_id": None,
            "ordered_at": "2026-01-07T09:00:00Z",
            "known_at": "2026-01-08T09:00:00Z",
            "predicted": PRIORITY,
            "shipment": GROUND,
            "right": False,
            "wrong_fields": ["service"],
            "confidence": 0.9991,
            "approved": False,
            "served": False,
            "decided_by": "person",
        },
    ],
    "next": None,
}

CHOSEN = {"audit": 0.2}
CHANGED = {**CUSTOMER, "settings": {"max_error": 0.05, "audit": 0.2}, "degraded": ["rebuilding"]}
