"""Why a provider refuses, recognised by its code or its words, and what to do next.

Codes and wordings are those of recorded answers and of the vendors' documentation; where none fits,
the provider's own words stand with what its HTTP status means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason to refuse.

    Attributes:
        code: A stable word for scripts, used where the provider gives none.
        hint: What to do next; ``{key}`` is where the key comes from, ``{url}`` the address.
        codes: Codes and types that mean it.
        words: A pattern found in its message, in lower case.
        lasting: Trying again later does not help, even where the status says so.
    """

    code: str
    hint: str
    codes: tuple[str, ...] = ()
    words: str = ""
    lasting: bool = True

    def fits(self, code: str | None, kind: str | None, said: str) -> bool:
        """Return whether a refusal is this one."""
        if code in self.codes or (kind is not None and kind in self.codes):
            return True
        return bool(self.words) and re.search(self.words, said) is not None


_REFUSALS = (
    Refusal(
        "training_not_available",
        "this organisation may not train here any more; "
        "use another provider, or --provider local to train on this machine",
        ("training_not_available",),
        r"winding down the fine-tuning|no longer able to create new fine-tuning",
    ),
    Refusal(
        "no_paid_plan",
        "upgrade to a paid plan on the provider's billing page",
        words=r"explore plan|free (plan|tier) (does|cannot|is not)",
    ),
    Refusal(
        "insufficient_quota",
        "add credit or raise the limit in the provider's billing settings",
        (
            "insufficient_quota",
            "exceeded_quota",
            "billing_not_active",
            "billing_hard_limit_reached",
            "insufficient_funds",
        ),
        r"exceeded your current quota|billing hard limit|insufficient (funds|credit)"
        r"|out of call volume quota|payment required",
    ),
    Refusal(
        "too_many_jobs",
        "wait until one of the running jobs has ended, or cancel one: see 'tunedeck jobs'",
        ("concurrent_job_limit", "too_many_jobs"),
        r"(too many|maximum number of|limit of).{0,40}(active|running|concurrent|queued).{0,30}job"
        r"|job limit (exceeded|reached)",
        lasting=False,
    ),
    Refusal(
        "account_deactivated",
        "the account or key is blocked: ask the provider's support, or use another key",
        ("account_deactivated", "access_terminated", "key_disabled"),
        r"(account|organi[sz]ation|key|project).{0,40}"
        r"(deactivated|suspended|terminated|blocked|been disabled|archived)",
    ),
    Refusal(
        "organization_not_verified",
        "an owner verifies the organisation in the provider's settings; "
        "it may take 15 minutes to count",
        words=r"organi[sz]ation must be verified|verify organi[sz]ation",
    ),
    Refusal(
        "unsupported_country_region_territory",
        "the provider does not serve this country or network; use another provider or network",
        ("unsupported_country_region_territory",),
        r"(country|region|territory).{0,30}not supported",
    ),
    Refusal(
        "ip_not_authorized",
        "allow this machine's address in the provider's settings, or use an allowed network",
        ("ip_not_authorized",),
        r"ip address.{0,40}(not (authori[sz]ed|allowed)|denied)|virtual network/firewall rules",
    ),
    Refusal(
        "mismatched_organization",
        "check OPENAI_ORG_ID and OPENAI_PROJECT_ID: they do not belong to this key",
        ("mismatched_organization", "mismatched_project", "invalid_organization"),
        r"(openai-organization|openai-project) header",
    ),
    Refusal(
        "key_authentication_disabled",
        'set auth = "token" and api_key_command = ["az", "account", "get-access-token", '
        '"--resource", "https://cognitiveservices.azure.com", "--query", "accessToken", '
        '"-o", "tsv"]',
        ("AuthenticationTypeDisabled",),
        r"key based authentication is disabled",
    ),
    Refusal(
        "missing_scope",
        "give the key what it lacks where keys are managed, or use one that has it: {key}",
        ("missing_scope", "insufficient_permissions"),
        r"missing scopes?|insufficient permissions|does not have (the )?permission",
    ),
    Refusal(
        "expired_key",
        "get a new one: {key}",
        ("expired_key", "token_expired", "key_expired"),
        r"(key|token|jwt).{0,20}expired",
    ),
    Refusal(
        "deployment_not_found",
        "on Azure a tuned model answers once it is deployed: name the deployment, not the model",
        ("DeploymentNotFound",),
        r"deployment .{0,40}does not exist",
    ),
    Refusal(
        "model_not_trainable",
        "choose one that can be tuned: see 'tunedeck models'",
        ("model_not_trainable", "unsupported_model", "model_not_supported"),
        r"(not|n't) (available|supported|enabled|allowed) for fine-?tun"
        r"|(does not|cannot|doesn't) (support|be used for|be) fine-?tun",
    ),
    Refusal(
        "model_not_found",
        "the model was shut down or this key may not use it: see 'tunedeck models'",
        ("model_not_found", "model_not_available", "model_deprecated", "model_retired"),
        r"model.{0,80}(deprecated|shut down|retired|no longer available|does not exist)",
    ),
    Refusal(
        "bad_training_type",
        "training_type is Standard, GlobalStandard or developerTier; "
        "regions differ in what they take and how they spell it",
        words=r"training ?type",
    ),
    Refusal(
        "bad_api_version",
        "set api_version to one that this resource knows, or leave it out for style v1",
        ("UnsupportedApiVersion", "InvalidApiVersionParameter", "NoRegisteredProviderFound"),
        r"api[ -]version",
    ),
    Refusal(
        "gateway_licence",
        "the gateway needs a licence for fine-tuning; set base_url to the provider itself",
        words=r"litellm.{0,60}enterprise|enterprise (only|licen[cs]e|user)",
    ),
    Refusal(
        "bad_suffix",
        "shorten or change the suffix",
        words=r"\bsuffix\b.{0,60}(long|length|at most|characters|invalid|match)",
    ),
    Refusal(
        "file_not_ready",
        "wait a minute and launch again: the provider is still reading the file",
        ("file_not_ready",),
        r"file.{0,60}(not ready|still (being )?process)",
        lasting=False,
    ),
    Refusal(
        "invalid_job_status",
        "see where the job stands with 'tunedeck jobs'",
        ("invalid_job_status",),
    ),
)


def refusal_of(code: str | None, kind: str | None, words: str) -> Refusal | None:
    """Return the reason that a code, a type or words give, if it is a known one."""
    said = words.lower()
    return next((one for one in _REFUSALS if one.fits(code, kind, said)), None)


_NO_ROUTE = re.compile(
    r"(not found|resource not found|404 page not found|no route matched.*|invalid url\b.*"
    r"|unknown (url|path|endpoint|request url)\b.*|unrecognized request url.*"
    r"|cannot (get|post|delete) /.*|method not allowed|not implemented)\.?",
    re.DOTALL,
)


def no_such_route(status: int, code: str | None, words: str, body: bytes) -> bool:
    """Return whether an answer says that the address does not exist, rather than one's object.

    Frameworks and gateways have fixed words for it; a provider's own 404 names what is missing.
    """
    if status in (405, 501):
        return True
    if status != 404:
        return False
    if code in ("unknown_url", "route_not_found"):
        return True
    start = body.lstrip()
    # No provider names a missing job in a web page or in silence.
    if not start or start.startswith(b"<"):
        return True
    return _NO_ROUTE.fullmatch(words.strip().lower()) is not None
