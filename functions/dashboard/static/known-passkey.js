// Whether somebody has used a passkey in this browser. It says nothing about who, so it may stay when they log out.

const STORAGE_KEY = "passkey";

export function isPasskeyKnown() {
  return localStorage.getItem(STORAGE_KEY) !== null;
}

export function rememberPasskey() {
  localStorage.setItem(STORAGE_KEY, "known");
}

export function forgetPasskey() {
  localStorage.removeItem(STORAGE_KEY);
}
