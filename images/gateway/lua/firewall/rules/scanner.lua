-- Programs that look for weaknesses and say so in User-Agent.
local SCANNERS = [==[\b(?:sqlmap|nikto|nmap|masscan|zgrab|nuclei|openvas|nessus|acunetix|netsparker|invicti|burp\s?(?:suite|collab)|owasp[\s_-]?zap|zaproxy|w3af|wpscan|dirbuster|gobuster|dirsearch|ffuf|fuzz\s+faster|feroxbuster|wfuzz|hydra|arachni|skipfish|havij|commix|metasploit|qualys|jaeles|whatweb|wapiti|webinspect|appscan|detectify|interactsh|jorgee|zmeu|morfeus|paros|dotdotpwn|joomscan|droopescan|cmsmap|l9explore|l9tcpid|projectdiscovery|kiterunner|sqlninja|bsqlbf|absinthe|grendel-scan|n-stealth|xsser|xsstrike|dalfox|gotestwaf|webshag|sqlpowerinjector|whisker|brutus|nsauditor|grabber|vega/|pangolin|core-project|springenwerk|toata|blackwidow|webtrends|mysqloit|sysscan|trivy-scan|openvas-?vt|openvasvt|tplmap|xray|fimap|dav\.pm|libwhisker|uil2pn|internet ninja|revolt|websiteharvest|dirb\b|cgichk|datacha0s|fhscan|crowbar|weevely|wpexploit)\b|\.nasl\b]==]

return {
    class = "scanner",
    forms = {"text"},
    only = "agent",
    gate = [==[[a-z]]==],
    rules = {
        {id = "scanner.agent", score = 5, pattern = SCANNERS, hit = "sqlmap/1.7", miss = "Mozilla/5.0 (X11; Linux)"},
    },
}
