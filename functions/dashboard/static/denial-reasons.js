// Explains why a request with an API key would be denied.

/** By the reasons of the API. */
const SENTENCES = new Map(Object.entries({
  revoked: "The key was revoked.",
  expired: "The key has expired.",
  unknown_restriction: "The key or the account has a restriction that this version of the service does not know.",
  disabled: "The key is disabled.",
  idle: "The key was not used for so long that the account’s policy rejects it.",
  address_not_allowed: "The key’s allowed IP addresses do not include this address.",
  account_suspended: "The account is suspended.",
  no_route: "The API has no such path and method.",
  wrong_kind_of_credential: "This path and method need the session of a member. API keys can’t use them.",
  missing_permission_read: "The key lacks the permission read.",
  missing_permission_write: "The key lacks the permission write.",
  missing_permission_delete: "The key lacks the permission delete.",
  missing_permission_admin: "The key lacks the permission admin.",
  wrong_environment: "The request is for another type of data than the key’s, or test keys can’t use this path and method.",
  outside_scope: "The key’s projects do not include this one, or the path and method are not available to keys with selected projects.",
}));

/** @param {string} reason */
export function explainDenial(reason) {
  return SENTENCES.get(reason) ?? `The reason is ${reason.replaceAll("_", " ")}.`;
}
