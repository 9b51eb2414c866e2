package kit

import "berth/internal/account"

// SettingsTabs are the pages of the settings that this person may open. current is the address of the one that is drawn.
func SettingsTabs(v account.Viewer, current string) []Tab {
	tabs := []Tab{
		{Text: "Nodes", URL: URL.Nodes()},
		{Text: "Sessions", URL: URL.Sessions()},
		{Text: "Appearance", URL: URL.Appearance()},
	}
	if v.User.Admin {
		tabs = append(tabs, Tab{Text: "Sign-in hosts", URL: URL.SignInHosts()}, Tab{Text: "People", URL: URL.People()})
	}
	for i := range tabs {
		tabs[i].Current = tabs[i].URL == current
	}
	return tabs
}
