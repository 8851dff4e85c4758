//! The menus of rows.

use fantoccini::key::Key;
use serde_json::json;

use crate::{browser::Browser, service::Account};

async fn show_key(browser: &Browser, account: &Account) {
    browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    browser.wait_for_rows(1).await;
}

async fn is_open(browser: &Browser) -> bool {
    let state = "const button = document.querySelector('[aria-haspopup=menu]');
        return [button.ariaExpanded === 'true', document.querySelector('[role=menu]') !== null]";
    let state = browser.value(state, &[]).await;
    assert!(state[0] == state[1], "`aria-expanded` says whether there is a menu");
    state[0] == true
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn menu_can_be_used_with_the_keyboard() {
    let (browser, account) = Browser::logged_in().await;
    show_key(&browser, &account).await;
    browser.value("document.querySelector('[aria-haspopup=menu]').focus()", &[]).await;
    for (keys, focused) in [
        (&*Key::Enter, "Edit"),
        (&*Key::Down, "Rotate"),
        (&*Key::End, "Revoke"),
        (&*Key::Down, "Edit"),
        (&*Key::Up, "Revoke"),
        (&*Key::Home, "Edit"),
        ("d", "Disable"),
        ("r", "Revoke"),
        ("r", "Rotate"),
        ("x", "Rotate"),
    ] {
        browser.press(keys).await;
        assert_eq!(browser.focused().await, focused, "{keys:?}");
        assert!(is_open(&browser).await);
    }
    browser.press(&Key::Escape).await;
    assert_eq!((is_open(&browser).await, &*browser.focused().await), (false, "Actions for Server"));
    browser.press(&Key::Up).await;
    assert_eq!(browser.focused().await, "Revoke");
    browser.press(&Key::Escape).await;
    browser.press(&Key::Down).await;
    assert_eq!(browser.focused().await, "Edit");
    browser.press(&Key::Tab).await;
    assert!(!is_open(&browser).await);

    browser.value("document.querySelector('[aria-haspopup=menu]').focus()", &[]).await;
    browser.press(&Key::Down).await;
    browser.press(&Key::Enter).await;
    browser.wait_for_text("Edit Server").await;
    browser.press(&Key::Escape).await;
    browser.wait_until_gone("Edit Server").await;
    assert_eq!(browser.focused().await, "Actions for Server", "the button has the focus again");
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn menu_closes_with_a_click_on_its_button_or_elsewhere() {
    let (browser, account) = Browser::logged_in().await;
    show_key(&browser, &account).await;
    browser.click("Actions for Server").await;
    assert!(is_open(&browser).await);
    browser.click("Actions for Server").await;
    assert!(!is_open(&browser).await);
    browser.click("Actions for Server").await;
    browser.field("Sort by").await.click().await.expect("a click");
    assert!(!is_open(&browser).await);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn menu_stays_in_the_window() {
    let (browser, account) = Browser::logged_in().await;
    show_key(&browser, &account).await;
    for (width, height) in [(360, 740), (1280, 400), (1280, 900)] {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
        browser.value("scrollTo(0, document.body.scrollHeight)", &[]).await;
        browser.value("document.querySelector('[aria-haspopup=menu]').click()", &[]).await;
        let inside = "const { top, left, bottom, right } = document.querySelector('[role=menu]').getBoundingClientRect();
            return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth";
        assert_eq!(browser.value(inside, &[]).await, true, "{width} × {height}");
        browser.press(&Key::Escape).await;
    }
    browser.end(&[]).await;
}
