"""A plugin for detect-secrets, which finds the credentials of MedTWIN Auth."""

import re

from detect_secrets.plugins.base import RegexBasedDetector


class MedtwinDetector(RegexBasedDetector):
    secret_type = "MedTWIN Auth credential"

    denylist = [
        re.compile(r"\b(mt_live_[0-9A-Za-z]{70})\b"),
        re.compile(r"\b(mt_test_[0-9A-Za-z]{70})\b"),
        re.compile(r"\b(sess_[0-9A-Za-z]{86})\b"),
    ]
